from bs4 import BeautifulSoup
html = "<html><body><h1 id=t>Title &amp; more</h1><ul class='l x'><li>One<li>Two <b>bold</b></ul><a href='/x?a=1&b=2'>link</a><table><tr><td>1<td>2<tr><td>3<td>4</table>"
for parser in ("html.parser", "lxml"):
    s = BeautifulSoup(html, parser)
    print(s.h1.text, s.select("ul.l > li"), s.find("a")["href"], [t.get_text(" ", strip=True) for t in s("li")])
    print([[c.get_text() for c in r.find_all("td")] for r in s.find_all("tr")])
s = BeautifulSoup(html, "lxml"); s.h1.string = "New"; s.a.decompose(); print(s.prettify())
print(BeautifulSoup("<a><b/>t</a>", "xml"))
