import subprocess, sys
print(subprocess.run([sys.executable, "-c", "import sys; print('child', sys.argv)", "a"], capture_output=True, text=True))
print(subprocess.check_output([sys.executable, "-c", "print(input().upper())"], input=b"piped\n"))
try:
    subprocess.run(["/no/such/program"])
except FileNotFoundError as e:
    print(e)
