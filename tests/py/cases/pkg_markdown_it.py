# markdown_it: renders what CommonMark has, with tables and other rules on or off, a rule of its own, and the tokens.
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

text = """Title
=====

A *very* **strong** ~~old~~ `x < 1` line with a [link](http://x.test "t"), ![pic](a.png) and <b>html</b>.
Hard\\
break &copy; &#x41; \\* not a star

- one
  - deeper
- two

  loose

3) three
4) four

> quote
lazy

    indented code

~~~ python title
print("é")
~~~

| left | right |
|:-----|------:|
| a\\|b |     2 |

[ref]: http://ref.test
See [ref] and http://auto.test.
"""
for preset, on, off in (("commonmark", [], []), ("commonmark", ["table", "strikethrough"], ["image"]), ("default", [], []),
                        ("zero", ["emphasis"], [])):
    print(preset, on, off)
    print(MarkdownIt(preset).enable(on).disable(off).render(text))
md = MarkdownIt("commonmark", {"html": False, "breaks": True, "xhtmlOut": False})
print(md.render("a\nb <i>x</i>"), md.renderInline("**b** _i_"))
print([(token.type, token.map, token.level) for token in md.parse(text)][:12])
print(SyntaxTreeNode(md.parse("# a\n\n* b *c*")).pretty(indent=1))


def heading(self, tokens, index, options, env):
    tokens[index].attrSet("id", tokens[index + 1].content.lower())
    return self.renderToken(tokens, index, options, env)


md.add_render_rule("heading_open", heading)
print(md.render("# One\n## Two"), len(MarkdownIt().render("*a* " * 50)))

# The older part of the case: many calls in few lines, and an error that nothing catches where it ends with one.
from markdown_it import MarkdownIt
text = "# T *e*\n\n1. one\n2. two `code`\n\n> quote **b** [l](http://x.y)\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n\n```py\nx<1\n```\n"
md = MarkdownIt("commonmark").enable("table")
print(md.render(text)); print([t.type for t in md.parse(text)][:8])
