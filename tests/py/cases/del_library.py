# Objects with destructors of their own that the library makes.
import io, os, sys, tempfile, tqdm, zipfile
z = zipfile.ZipFile(io.BytesIO(), "w")
z.writestr("a", "b")
t = tempfile.NamedTemporaryFile()
bar = tqdm.tqdm(total=3, file=sys.stdout, bar_format="{desc}{n_fmt}/{total_fmt}", mininterval=0)
bar.update(1)
print("end")
