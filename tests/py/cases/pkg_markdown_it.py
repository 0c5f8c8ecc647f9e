from markdown_it import MarkdownIt
text = "# T *e*\n\n1. one\n2. two `code`\n\n> quote **b** [l](http://x.y)\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n\n```py\nx<1\n```\n"
md = MarkdownIt("commonmark").enable("table")
print(md.render(text)); print([t.type for t in md.parse(text)][:8])
