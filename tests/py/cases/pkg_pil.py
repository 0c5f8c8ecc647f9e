# PIL: draws, filters, composes and transforms pictures, and writes and reads them in many formats.
import hashlib
import io

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageOps, ImageSequence, ImageStat, UnidentifiedImageError


def digest(picture):
    return picture.size, picture.mode, hashlib.sha256(picture.tobytes()).hexdigest()[:12]


wide = Image.linear_gradient("L").resize((160, 90))
colour = Image.merge("RGB", (wide, ImageOps.mirror(wide), ImageOps.flip(wide)))
pen = ImageDraw.Draw(colour)
pen.polygon([(10, 10), (60, 20), (40, 70)], fill="orange", outline="black")
pen.rounded_rectangle([70, 20, 150, 60], radius=9, fill=(0, 80, 160))
pen.arc([20, 20, 90, 80], 0, 270, fill="white", width=3)
pen.text((80, 30), "text", fill="yellow")
print(digest(colour), ImageStat.Stat(colour).sum)
for name, picture in (("thumbnail", ImageOps.contain(colour, (50, 50))), ("rotate", colour.rotate(37, Image.BICUBIC, True)),
                      ("hsv", colour.convert("HSV")), ("contrast", ImageEnhance.Contrast(colour).enhance(1.7)),
                      ("palette", colour.quantize(8)), ("affine", colour.transform((80, 80), Image.AFFINE, (1, .3, 0, 0, 1, 5))),
                      ("equalize", ImageOps.equalize(colour)), ("cmyk", colour.convert("CMYK"))):
    print(name, digest(picture))
glass = Image.new("RGBA", colour.size, (255, 0, 0, 90))
glass.paste((0, 255, 0, 200), (20, 20, 60, 60))
print(digest(Image.alpha_composite(colour.convert("RGBA"), glass)), colour.getpixel((100, 50)), colour.getbbox())
for form, exact in (("PNG", True), ("TIFF", True), ("BMP", True), ("WEBP", False), ("JPEG", False)):
    file = io.BytesIO()
    colour.save(file, form)
    back = Image.open(file)
    worst = max(high for _, high in ImageChops.difference(colour, back.convert("RGB")).getextrema())
    print(form, back.format, back.size, worst == 0 if exact else worst < 200)
frames = [Image.new("P", (20, 20), n * 40) for n in range(4)]
frames[0].save("moving.gif", save_all=True, append_images=frames[1:], duration=[50, 60, 70, 80], loop=0)
with Image.open("moving.gif") as gif:
    print(gif.n_frames, [frame.info["duration"] for frame in ImageSequence.Iterator(gif)])
for broken in (b"", b"\x89PNG\r\n\x1a\n" + bytes(20)):
    try:
        Image.open(io.BytesIO(broken))
    except (UnidentifiedImageError, SyntaxError) as error:
        print(type(error).__name__)

# The older part of the case: many calls in few lines, and an error that nothing catches where it ends with one.
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
