"""Grade a class: `python -m utils grade SUBMISSIONS OUT`.

A hand-in goes this way: `handin` reads the file, whatever wrote it; `plan` finds the exercises by their check lines and
lays out what is run; `sandbox` starts a place where strangers' code can do no harm; in it (`inside`), `server` keeps
Python and JAX warm and gives each hand-in a process of its own, in which `runner` runs the plan and hands answers over;
a judge in another sandbox compares them; `marking` makes points of its verdicts; `grants` adds those that a person
gives; `grades` keeps them and writes them as tables, for Moodle and Canvas too, `pages` as HTML. `whole_class` does so
for a class, and `own_answers` for what the course knows itself; `gather` sorts the downloads of Moodle and Canvas.
"""
