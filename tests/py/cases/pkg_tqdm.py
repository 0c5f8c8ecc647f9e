import io, re, sys
from tqdm import tqdm, trange
out = io.StringIO()
total = 0
for i in tqdm(range(50), file=out, desc="work", mininterval=0, ncols=60):
    total += i
text = re.sub(r"\d+:\d\d|[\d.]+it/s|\?it/s", "#", out.getvalue().split("\r")[-1])
print(total, re.sub(r"[#█▏▎▍▌▋▊▉ ]+", " ", text))
print(tqdm.format_meter(30, 120, 12.5, ncols=70, prefix="fmt"), tqdm.format_sizeof(123456789), tqdm.format_interval(3725))
with tqdm(total=10, disable=True) as bar: bar.update(3)
