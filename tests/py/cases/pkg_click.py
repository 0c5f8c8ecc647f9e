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
