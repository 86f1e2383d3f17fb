"""Files, paths, the machine, trees, jaxprs: known to every folder, knowing none."""
