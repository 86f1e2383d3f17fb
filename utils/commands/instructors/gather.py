"""`python -m utils gather DOWNLOAD SUBMISSIONS`: sort what Moodle or Canvas lets you download by student."""

from __future__ import annotations

from pathlib import Path

from utils.base.command import parser_of
from utils.base.paths import in_full, shown
from utils.grading.gather import gather


def main(arguments: list[str]) -> int:
    """Gather; returns 0 also when something is left out, which is told."""
    parser = parser_of("gather", __doc__)
    parser.add_argument("download", type=Path, help="the zip that Moodle or Canvas gave, or the folder in it")
    parser.add_argument("submissions", type=Path, help="where the folders go; new or empty")
    asked = parser.parse_args(arguments)
    download, submissions = in_full(asked.download), in_full(asked.submissions)
    left_out = gather(download, submissions)
    for line in left_out:
        print(f"left out: {line}")
    students = sum(1 for _ in submissions.iterdir()) if submissions.is_dir() else 0
    print(f"{students} students in {shown(submissions)}. Next: make grade SUBMISSIONS={asked.submissions} OUT=…")
    return 0
