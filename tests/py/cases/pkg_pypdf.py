# pypdf: reads text of pages, rotates, reorders, encrypts and decrypts them, and keeps metadata and outlines.
import io, zlib
from pypdf import PdfReader, PdfWriter
def make(texts):
    objs = ["<< /Type /Catalog /Pages 2 0 R >>", None, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for t in texts:
        body = f"BT /F1 24 Tf 72 720 Td ({t}) Tj ET".encode()
        data = zlib.compress(body)
        objs.append(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(data), data))
        objs.append(f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {len(objs)} 0 R /Resources << /Font << /F1 3 0 R >> >> >>")
        kids.append(f"{len(objs)} 0 R")
    objs[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for n, o in enumerate(objs, 1):
        offsets.append(len(out)); out += b"%d 0 obj\n" % n + (o if isinstance(o, bytes) else o.encode()) + b"\nendobj\n"
    start = len(out); out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objs) + 1) + b"".join(b"%010d 00000 n \n" % o for o in offsets)
    return bytes(out) + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objs) + 1, start)
r = PdfReader(io.BytesIO(make(["Page one", "Second page"])))
print(len(r.pages), [p.extract_text() for p in r.pages], r.pages[0].mediabox)
w = PdfWriter()
for p in reversed(r.pages): w.add_page(p)
w.pages[0].rotate(90); w.add_metadata({"/Title": "Reversed"}); w.write("out.pdf")
b = PdfReader("out.pdf"); print([p.extract_text() for p in b.pages], b.metadata.title, b.pages[0].get("/Rotate"))
w.encrypt("secret"); w.write("enc.pdf"); e = PdfReader("enc.pdf"); print(e.is_encrypted, e.decrypt("secret") != 0, e.pages[0].extract_text())
PdfReader(io.BytesIO(b"not a pdf"))
