"""Grade a class: `python -m utils grade SUBMISSIONS OUT`.

A hand-in goes this way: `handin` reads the file, whatever wrote it; `plan` finds the exercises and lays out what is
run; `bench` has a process for it, watched in a `sandbox` where strangers' code can do no harm, and a judge in another;
in the process `inside.runner` runs cells and hands answers over; `marking` asks for that and makes points of the
judge's verdicts; `grades` adds those that a person gives, keeps them and writes them as tables, for Moodle and Canvas
too, `pages` as HTML. `whole_class` does so for a class, and `own_answers` for what the course knows itself.
"""
