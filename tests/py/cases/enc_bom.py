print("café")
x = 1/0 # é
