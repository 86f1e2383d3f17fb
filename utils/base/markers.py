"""The words that mark, in a notebook's text, what a student writes."""

from __future__ import annotations

BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"  # around an answer, in a solution
STUB_MESSAGE = "your code here"
STUB = f'raise NotImplementedError("{STUB_MESSAGE}")'  # in its place, in the exercise
