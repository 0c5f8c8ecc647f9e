from jinja2 import Environment, DictLoader, StrictUndefined
env = Environment(loader=DictLoader({
    "base": "<h1>{% block t %}{% endblock %}</h1>",
    "page": "{% extends 'base' %}{% block t %}{{ title|upper }} {% for i in items if i %}{{ loop.index }}:{{ i|e }}{{ ', ' if not loop.last }}{% endfor %}{% endblock %}",
    "bad": "line one\n{{ missing.attr }}\n"}), undefined=StrictUndefined, autoescape=False)
env.filters["rev"] = lambda s: s[::-1]
print(env.get_template("page").render(title="hi", items=["<a>", 0, "b"]))
print(env.from_string("{% macro m(x) %}[{{ x|rev }}]{% endmacro %}{{ m('abc') }}{{ '%.2f'|format(2/3) }}").render())
env.get_template("bad").render()
