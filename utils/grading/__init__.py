"""Grade a class: `python -m utils grade SUBMISSIONS OUT`.

A hand-in goes this way: `handin` reads the file, whatever wrote it; `plan` finds the exercises by their check lines and
lays out what is run; `sandbox` starts a place where strangers' code can do no harm; in it (`inside`), `server` keeps
Python and JAX warm and gives each hand-in a process of its own, in which `runner` runs the plan and judges, `watch`
looks out for tricks and `answers` holds the course's answers; `marking` makes points of what comes back; `grades` keeps
them and writes them as tables, for Moodle and Canvas too, `pages` as HTML. `whole_class` does so for a class, and
`rehearsal` for what the course knows itself; `gather` sorts the downloads of Moodle and Canvas by student.

What a hand-in runs shares a process with the checks that judge it: no check of Python by Python can be made safe
against someone who sets out to break it. So: nothing in the sandbox is worth stealing or can be broken, what is known
of such tricks is undone or costs the points until a person has looked, and everything of the kind is flagged.
"""
