import traceback, sys, io
def a(): b()
def b(): raise ValueError("v")
try:
    a()
except ValueError as e:
    traceback.print_exc(file=sys.stdout)
    print(traceback.extract_tb(e.__traceback__))
    print("".join(traceback.format_exception(e)), traceback.format_stack())
    print(e.__traceback__.tb_frame.f_back)
traceback.print_stack(file=sys.stdout)
