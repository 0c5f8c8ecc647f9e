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
