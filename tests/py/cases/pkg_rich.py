# rich: a table, a tree, Markdown, syntax colours, a panel and a traceback on a console of a fixed width.
import io

from rich import box
from rich.columns import Columns
from rich.console import Console
from rich.markdown import Markdown
from rich.panel import Panel
from rich.pretty import Pretty
from rich.progress import track
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text
from rich.traceback import Traceback
from rich.tree import Tree

screen = io.StringIO()
console = Console(file=screen, width=72, record=True, force_terminal=True, color_system="truecolor",
                  legacy_windows=False, _environ={})

table = Table(title="Planets", box=box.ROUNDED, show_footer=True)
table.add_column("Name", style="cyan", footer="total")
table.add_column("Moons", justify="right", footer="3")
table.add_row("Earth", "1")
table.add_row("[bold red]Mars[/]", "2", end_section=True)
table.add_row("A name so long that the column has to wrap it somewhere in the middle of the text", "0")
console.print(table)

tree = Tree("root")
branch = tree.add("[green]branch")
branch.add("leaf :seedling:")
branch.add(Panel("boxed", title="in a panel", expand=False))
console.print(tree)
console.print(Markdown("# Title\n\n* one\n* two **bold** `code`\n\n> quoted\n\n```python\nx = 1\n```\n"))
console.print(Syntax("def f(x: int) -> str:\n    return f'{x!r}'  # why\n", "python", line_numbers=True))
console.print(Columns([f"item {i}" for i in range(12)], equal=True))
console.print(Pretty({"key": list(range(30)), "nested": {"a": (1, 2.5, None, True, "text")}}))
console.print("Numbers 42, 'strings', [u]日本語[/u] and http://x.test/path are marked")
text = Text("highlight the words here")
text.highlight_words(["words"], "reverse")
console.rule("[b]rule")
console.print(text, justify="right")
print(screen.getvalue(), repr(screen.getvalue()[-300:]), sep="\n")
print(console.export_text(clear=False) == Text.from_ansi(screen.getvalue()).plain)
html = console.export_html(inline_styles=True)
print(html.count("<span"), html[-16:].strip())

plain = Console(file=io.StringIO(), width=60, _environ={})
try:
    {}["missing"]
except KeyError:
    plain.print(Traceback(show_locals=False, extra_lines=1, width=60))
print("KeyError" in plain.file.getvalue(), "'missing'" in plain.file.getvalue())
print(sum(track(range(5), console=Console(file=io.StringIO(), _environ={}))))
try:
    plain.print("[bold]not closed[/italic]")
except Exception as error:
    print(type(error).__name__, error)
