# coding: euc_jp
print("日本")
