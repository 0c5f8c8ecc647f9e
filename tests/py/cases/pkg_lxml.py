# lxml: parses XML whole and piece by piece, XPath with functions, changes, validation, canonical form, HTML forms.
import io

from lxml import etree, html, objectify

text = b"""<?xml version="1.0" encoding="UTF-8"?>
<library xmlns:x="urn:x" name="town"><book id="b1" x:lang="en"><title>Dune</title><price>9.5</price></book>
<book id="b2"><title>A &amp; B</title><price>12</price></book><?target some?><!-- note --></library>"""
tree = etree.parse(io.BytesIO(text))
root = tree.getroot()
print(root.xpath("sum(//price)"), root.xpath("//book[price > $low]/@id", low=10), root.xpath("string(//title[2])"))
print(root.xpath("//book[@x:lang]/title/text()", namespaces={"x": "urn:x"}), tree.getpath(root[1][0]))
functions = etree.FunctionNamespace(None)
functions["shout"] = lambda context, nodes: nodes[0].text.upper()
print(root.xpath("shout(//title)"), [type(node).__name__ for node in root])
book = etree.SubElement(root, "book", id="b3")
etree.SubElement(book, "title").text = "é<>"
root.remove(root[0])
print(etree.tostring(root, encoding="unicode"))
print(etree.tostring(root, method="c14n", with_comments=False))
for event, element in etree.iterparse(io.BytesIO(text), events=("start", "end"), tag="book"):
    print(event, element.get("id"), len(element))
parser = etree.XMLPullParser(events=("end",))
for part in (text[:100], text[100:180], text[180:]):
    parser.feed(part)
    print([element.tag for _, element in parser.read_events()])
relax = etree.RelaxNG(etree.XML('<element name="a" xmlns="http://relaxng.org/ns/structure/1.0"><text/></element>'))
print(relax.validate(etree.XML("<a>t</a>")), relax.validate(etree.XML("<a><b/></a>")))
thing = objectify.fromstring("<r><n>3</n><n>4</n><s>t</s></r>")
print(sum(thing.n[:]) + 1, thing.s + "!", objectify.dump(thing))
form = html.fromstring("<form action=/go><input name=a value=1><select name=s><option>x<option selected>y</select></form>")
print(form.form_values(), form.action)
recovered = etree.fromstring("<a><b>open<c/></a>", etree.XMLParser(recover=True))
print(etree.tostring(recovered))

# The older part of the case: many calls in few lines, and an error that nothing catches where it ends with one.
from lxml import etree, html
root = etree.fromstring(b"<?xml version='1.0'?><r xmlns:n='urn:n'><a id='1'>x</a><n:b>\xc3\xa9<!-- c --></n:b><a id='2'/></r>")
print(root.xpath("//a/@id"), root.find("{urn:n}b").text, etree.tostring(root, pretty_print=True).decode(), [e.tag for e in root.iter()])
doc = html.fromstring("<div><p class=x>Hi <b>there</b><p>two</div>")
print(doc.xpath("//p")[0].text_content(), html.tostring(doc))
xslt = etree.XSLT(etree.XML('<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/"><o><xsl:for-each select="//a"><i><xsl:value-of select="@id"/></i></xsl:for-each></o></xsl:template></xsl:stylesheet>'))
print(str(xslt(root)))
schema = etree.XMLSchema(etree.XML('<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="k" type="xs:int"/></xs:schema>'))
print(schema.validate(etree.XML("<k>3</k>")), schema.validate(etree.XML("<k>z</k>")), schema.error_log.last_error.message)
from lxml.builder import E
print(etree.tostring(E.a(E.b("t", x="1"))), etree.LXML_VERSION)
etree.fromstring("<a><b></a>")
