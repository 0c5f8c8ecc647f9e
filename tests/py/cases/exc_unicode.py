def größe(名前):
    raise RuntimeError("ü € 名前 \udc80")
größe("é" + "名" * 3); x = 1
