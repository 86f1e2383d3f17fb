"""The instructor's side of a course: from solution to exercise, pairs, executing, releasing. A release lacks it."""
