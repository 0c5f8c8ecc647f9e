# click: commands, options, types, prompts, files and errors, called through its test runner and for real.
from pathlib import Path

import click
from click.testing import CliRunner


@click.command()
@click.argument("source", type=click.File("r"))
@click.option("--level", type=click.Choice(["low", "high"]), default="low", show_default=True)
@click.option("-k", "--key", multiple=True, type=(str, int), help="A name and its number.")
@click.option("--name", prompt="Your name", envvar="CASE_NAME")
@click.option("--when", type=click.DateTime(["%Y-%m-%d"]))
@click.version_option("1.2", prog_name="case")
def report(source, level, key, name, when):
    """Reports on SOURCE."""
    click.echo(f"{name}: {len(source.read())} characters, {level}, {dict(key)}, {when and when.date()}")
    if level == "high":
        raise click.ClickException("the level is too high")


runner = CliRunner()
with runner.isolated_filesystem("/tmp"):
    Path("in.txt").write_text("some text")
    for words, typed in ((["in.txt", "-k", "a", "1", "-k", "b", "2"], "Ann\n"), (["in.txt", "--level", "high"], "Bo\n"),
                         (["in.txt", "--level", "mid", "--name", "x"], None), (["none.txt"], None), (["--version"], None),
                         (["in.txt", "--when", "2024-02-30"], "x\n"), (["in.txt", "--name", "given"], None),
                         (["--help"], None), (["in.txt", "--name", "last", "-k", "z", "0"], None)):
        result = runner.invoke(report, words, input=typed)
        print(words, result.exit_code, result.output, sep="\n")
    print(runner.invoke(report, ["in.txt"], env={"CASE_NAME": "env"}).output)
print(click.style("red", fg="red", bold=True).encode(), click.unstyle(click.style("plain", fg="blue")))

# The older part of the case: many calls in few lines, and an error that nothing catches where it ends with one.
import click, sys
@click.group()
@click.option("--debug/--no-debug", default=False)
@click.pass_context
def cli(ctx, debug): ctx.obj = debug
@cli.command()
@click.argument("name")
@click.option("-n", "--count", type=click.IntRange(1, 5), default=1, show_default=True, help="times")
@click.pass_obj
def greet(debug, name, count):
    """Greets NAME."""
    for _ in range(count): click.secho(f"Hello {name} {debug}", fg="green")
from click.testing import CliRunner
for args in (["--help"], ["greet", "--help"], ["greet", "Bo", "-n9"], ["nope"]):
    r = CliRunner().invoke(cli, args); print(r.exit_code, r.output)
cli(["--debug", "greet", "Ann", "-n", "2"])
