import os, sys, pathlib
print(os.getcwd(), pathlib.Path.cwd(), pathlib.Path(__file__).resolve(), os.listdir("."), os.umask(0o22))
st = os.stat(__file__)
print(oct(st.st_mode & 0o777), st.st_size, os.access(__file__, os.R_OK))
