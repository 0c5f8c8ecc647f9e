# coding: cp1251
print("Привет")
