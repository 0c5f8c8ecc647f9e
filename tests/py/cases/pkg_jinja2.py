# jinja2: inheritance, macros, loops, filters, tests, escaping, the sandbox, async rendering and errors.
import asyncio

from jinja2 import DictLoader, Environment, TemplateSyntaxError, UndefinedError, select_autoescape
from jinja2.sandbox import SandboxedEnvironment, SecurityError

pages = {
    "base.html": "<title>{% block title %}none{% endblock %}</title>{% block body %}{% endblock %}",
    "macros.html": "{% macro field(name, value='') -%}<input name={{ name }} value='{{ value }}'>{%- endmacro %}",
    "page.html": """{% extends "base.html" %}{% from "macros.html" import field %}
{% block title %}{{ super() }} {{ title }}{% endblock %}
{% block body %}{{ field("a", "<x>") }}
{%- for key, group in rows|groupby("kind") %}
{{ loop.index }}/{{ loop.length }} {{ key }}: {{ group|map(attribute="name")|join(", ") }}{{ loop.cycle(" odd", " even") }}
{%- else %}empty{% endfor %}
{% set total = namespace(n=0) %}{% for r in rows if r.n is odd %}{% set total.n = total.n + r.n %}{% endfor %}{{ total.n }}
{% filter upper %}shout {{ title }}{% endfilter %} {{ {"b": 1, "a": [1, 2]}|tojson }} {{ "%05.1f"|format(3.14159) }}
{{ missing|default("nothing") }} {{ text|truncate(12) }} {{ text|wordwrap(20) }} {{ [3, 1, 2]|sort|reverse|list }}
{% endblock %}""",
}
env = Environment(loader=DictLoader(pages), autoescape=select_autoescape(["html"]), trim_blocks=True)
env.filters["double"] = lambda value: value * 2
env.tests["small"] = lambda value: value < 3
rows = [{"name": "tea", "kind": "drink", "n": 1}, {"name": "milk", "kind": "drink", "n": 2},
        {"name": "bread", "kind": "food", "n": 3}]
print(env.get_template("page.html").render(title="T & C", rows=rows, text="The quick brown fox jumps over it"))
print(env.from_string("{{ 'ab'|double }} {{ 2 is small }} {{ x ~ '<b>'|safe }}").render(x="<i>"))
for bad in ("{% if x %}", "{{ x.y.z }}", "{{ 1 +/ 2 }}", "{% nothing %}"):
    try:
        print(env.from_string(bad).render())
    except (TemplateSyntaxError, UndefinedError) as error:
        print(bad, "->", type(error).__name__, error)
try:
    SandboxedEnvironment().from_string("{{ ().__class__.__bases__ }}{{ f.__globals__ }}").render(f=print)
    SandboxedEnvironment().from_string("{{ ''.__class__.__mro__() }}").render()
except SecurityError as error:
    print("SecurityError:", error)


async def letters():
    for letter in "abc":
        await asyncio.sleep(0)
        yield letter


template = Environment(enable_async=True).from_string("{% for l in letters() %}{{ l }}.{% endfor %}")
print(asyncio.run(template.render_async(letters=letters)))


# The older part of the case: many calls in few lines, and an error that nothing catches where it ends with one.
from jinja2 import Environment, DictLoader, StrictUndefined
env = Environment(loader=DictLoader({
    "base": "<h1>{% block t %}{% endblock %}</h1>",
    "page": "{% extends 'base' %}{% block t %}{{ title|upper }} {% for i in items if i %}{{ loop.index }}:{{ i|e }}{{ ', ' if not loop.last }}{% endfor %}{% endblock %}",
    "bad": "line one\n{{ missing.attr }}\n"}), undefined=StrictUndefined, autoescape=False)
env.filters["rev"] = lambda s: s[::-1]
print(env.get_template("page").render(title="hi", items=["<a>", 0, "b"]))
print(env.from_string("{% macro m(x) %}[{{ x|rev }}]{% endmacro %}{{ m('abc') }}{{ '%.2f'|format(2/3) }}").render())
env.get_template("bad").render()
