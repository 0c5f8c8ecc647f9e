class D:
    def __del__(self):
        import os
        print("imported", os.name)
x = D()
