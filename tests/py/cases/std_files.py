import glob, os, pathlib, shutil, stat, tempfile
p = pathlib.Path("d/e"); p.mkdir(parents=True); (p / "f.txt").write_text("é\n"); (p / "g.bin").write_bytes(bytes(range(256)))
print(sorted(map(str, pathlib.Path("d").rglob("*"))), (p / "f.txt").stat().st_size, glob.glob("d/**/*.bin", recursive=True))
os.symlink("f.txt", p / "l"); os.link(p / "f.txt", p / "h"); print(os.readlink(p / "l"), os.stat(p / "h").st_nlink, (p / "l").resolve().name)
shutil.copytree("d", "c", symlinks=True); shutil.rmtree("d"); print(sorted(os.listdir("c/e")), os.path.exists("d"), [(e.name, e.is_file()) for e in sorted(os.scandir("c/e"), key=lambda e: e.name)])
with open("s", "w+b") as f: f.seek(1000); f.write(b"x"); f.truncate(500); f.seek(0, 2); print(f.tell(), f.fileno())
os.chmod("s", 0o640); print(stat.filemode(os.stat("s").st_mode), os.rename("s", "t"), os.path.getsize("t"))
with tempfile.NamedTemporaryFile("w", suffix=".x") as t: t.write("q"); t.flush(); print(os.path.exists(t.name), t.name.startswith("/tmp/tmp"))
with tempfile.TemporaryDirectory() as d: print(os.path.isdir(d))
try: os.rmdir("c")
except OSError as e: print(e)
import mmap
with open("m", "w+b") as f:
    f.write(b"0" * 4096); f.flush(); m = mmap.mmap(f.fileno(), 0); m[:3] = b"abc"; m.close(); f.seek(0); print(f.read(4))
open("missing/file")
