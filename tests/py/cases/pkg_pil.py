import hashlib, io
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps, ImageChops
im = Image.new("RGB", (120, 80), "white"); d = ImageDraw.Draw(im)
d.rectangle([10, 10, 60, 50], fill=(200, 30, 30), outline="black"); d.ellipse([50, 20, 110, 70], fill="#3060c0"); d.line([0, 0, 119, 79], fill="green", width=3)
d.text((5, 60), "Hi é", fill="black", font=ImageFont.load_default())
im.save("a.png"); back = Image.open("a.png"); back.load()
print(back.size, back.mode, back.format, ImageChops.difference(im, back).getbbox(), hashlib.sha1(back.tobytes()).hexdigest())
for fmt in ("JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"):
    b = io.BytesIO(); im.save(b, fmt); r = Image.open(io.BytesIO(b.getvalue())); print(fmt, r.size, r.convert("RGB").getpixel((30, 30))[0] > 150)
print(hashlib.sha1(im.resize((60, 40), Image.LANCZOS).filter(ImageFilter.GaussianBlur(2)).rotate(30, expand=True).tobytes()).hexdigest())
print(ImageOps.grayscale(im).histogram()[255], im.quantize(4).getcolors() is not None, im.crop((0, 0, 5, 5)).getextrema())
Image.open(io.BytesIO(b"not an image"))
