"""The page of a student: what each exercise scored and why, in Markdown and in HTML that needs no network."""

from __future__ import annotations

import html

from utils.checks.verdict import Kind, marked_up
from utils.grading.marking import Result

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #1f2328;
       background: #fff; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .35em .6em; vertical-align: top;
       border-bottom: 1px solid #8c959f66; } td.n, th.n { text-align: right; white-space: nowrap; width: 1%; }
td.s { white-space: nowrap; } td.w { width: 75%; } .share { background: #1a7f37; height: .9em; margin-top: .3em; }
code, pre { font: 14px/1.4 ui-monospace, monospace; } pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.note { border-left: 4px solid #9a6700; background: #9a670014; padding: .5em .9em; margin: 1em 0; }
.bar { background: #57606a33; height: 10px; border-radius: 5px; } .bar div { background: #1a7f37; height: 10px;
       border-radius: 5px; } .bar + table { margin-top: .8em; } a { color: #0969da; } img { max-width: 100%; }
@media (prefers-color-scheme: dark) { body { color: #e6edf3; background: #0d1117; } a { color: #4493f8; }
       img { background: #fff; } }
""".strip()


def document(title: str, body: str) -> str:
    """A whole HTML page that fetches nothing and runs nothing."""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width">\n<style>{STYLE}</style></head>\n'
        f"<body>\n{body}\n</body></html>\n"
    )


def page_html(student: str, results: list[Result], warning: str) -> str:
    """One student's units, one after the other."""
    parts = [f"<h1>{html.escape(student)}</h1>", _note(warning)]
    for one in results:
        parts.append(f"<h2>{html.escape(one.unit or one.file)}: {one.points} of {one.out_of} points</h2>")
        if one.reason:
            parts.append(_note(one.reason))
            continue
        share = one.points / one.out_of if one.out_of else 0.0
        parts.append(f'<div class="bar"><div style="width:{share:.0%}"></div></div>')
        parts.append("<table><tr><th>exercise</th><th>verdict</th><th class=n>points</th></tr>")
        for mark in one.marks:
            kind = Kind[mark.verdict]
            text = marked_up(mark.message)
            if mark.printed:
                text += f"<br>Your code printed:<pre>{html.escape(mark.printed)}</pre>"
            parts.append(
                f"<tr><td><code>{html.escape(mark.exercise)}</code><br>{marked_up(mark.title)}</td>"
                f'<td><b style="color:{kind.colour}">{kind.mark} {kind.words}</b><br>{text}</td>'
                f"<td class=n>{mark.points} / {mark.of}</td></tr>"
            )
        parts.append("</table>")
        for title, texts in _lists(one):
            items = "".join(f"<li>{marked_up(text)}</li>" for text in texts)
            parts.append(f"<h3>{title}</h3><ul>{items}</ul>" if texts else "")
        parts += [
            f'<p><img alt="a figure of the notebook" src="data:image/png;base64,{png}"></p>' for png in one.pictures
        ]
    return document(f"{student}: grades", "\n".join(part for part in parts if part))


def page_markdown(student: str, results: list[Result], warning: str) -> str:
    """The same in Markdown, without the figures."""
    lines = [f"# {escaped(student)}", ""]
    lines += [f"> {warning}", ""] if warning else []
    for one in results:
        lines += [f"## {escaped(one.unit or one.file)}: {one.points} of {one.out_of} points", ""]
        if one.reason:
            lines += [escaped(one.reason), ""]
            continue
        lines += ["| exercise | verdict | points | |", "| --- | --- | ---: | --- |"]
        for mark in one.marks:
            kind = Kind[mark.verdict]
            verdict = f"{kind.mark} {kind.words}"
            lines.append(f"| `{mark.exercise}` | {verdict} | {mark.points} / {mark.of} | {escaped(mark.message)} |")
        lines.append("")
        for title, texts in _lists(one):
            lines += [f"### {title}", "", *(f"- {escaped(text)}" for text in texts), ""] if texts else []
    return "\n".join(lines)


def _lists(one: Result) -> list[tuple[str, list[str]]]:
    return [
        ("For a person to look at", one.flags),
        ("Cells that stopped", one.errors),
        ("What was changed to grade it", one.changes),
    ]


def _note(text: str) -> str:
    return f'<div class="note">{marked_up(text)}</div>' if text else ""


def escaped(text: str) -> str:
    """One line in which a stranger's text cannot become a table cell, a link or HTML."""
    flat = " ".join(text.split()).replace("\\", "\\\\")
    for character in "|<[]":
        flat = flat.replace(character, "\\" + character)
    return flat
