# bs4: parses broken HTML with each parser, searches it by name, attribute, text and CSS, changes it and writes it.
from bs4 import BeautifulSoup, Comment, NavigableString

page = """<!DOCTYPE html><html><head><title>Shop</title></head><body>
<!-- list --><div id="list"><p class="item new" data-id="1">Tea <b>2.50</b></p>
<p class="item" data-id="2">Milk <b>0.99</b><p class="item sale" data-id="3">Bread &euro; <b>3</b></div>
<a href="/next?page=2&amp;q=x">next</a></body></html>"""
for parser in ("html.parser", "lxml"):
    soup = BeautifulSoup(page, parser)
    print(soup.title.string, [p["data-id"] for p in soup.find_all("p", class_="item")])
    print([b.get_text() for b in soup.select("#list > p.item b")], soup.select_one("p[data-id='3']")["class"])
    print(soup.find(string=lambda text: isinstance(text, Comment)), soup.a["href"])
    print([tag.name for tag in soup.b.parents], soup.find("b", string="0.99").find_previous("p")["data-id"])
    print([s for s in soup.div.stripped_strings])
extra = soup.new_tag("p", attrs={"class": "item"})
extra.append(NavigableString("Salt & <pepper>"))
soup.div.append(extra)
for bold in soup.find_all("b"):
    bold.unwrap()
soup.p["data-id"] = "10"
print(soup.div)
print(soup.div.decode(formatter="html"))
print(BeautifulSoup("caf\xe9".encode("latin-1"), "html.parser", from_encoding="latin-1").get_text())

# The older part of the case: many calls in few lines, and an error that nothing catches where it ends with one.
from bs4 import BeautifulSoup
html = "<html><body><h1 id=t>Title &amp; more</h1><ul class='l x'><li>One<li>Two <b>bold</b></ul><a href='/x?a=1&b=2'>link</a><table><tr><td>1<td>2<tr><td>3<td>4</table>"
for parser in ("html.parser", "lxml"):
    s = BeautifulSoup(html, parser)
    print(s.h1.text, s.select("ul.l > li"), s.find("a")["href"], [t.get_text(" ", strip=True) for t in s("li")])
    print([[c.get_text() for c in r.find_all("td")] for r in s.find_all("tr")])
s = BeautifulSoup(html, "lxml"); s.h1.string = "New"; s.a.decompose(); print(s.prettify())
print(BeautifulSoup("<a><b/>t</a>", "xml"))
