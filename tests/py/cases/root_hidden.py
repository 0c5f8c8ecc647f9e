import os
print([name for name in os.listdir('/') if name.startswith('.')])
