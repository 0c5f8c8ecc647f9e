import unittest, re, sys
class T(unittest.TestCase):
    def test_ok(self): self.assertEqual(1, 1)
    def test_bad(self): self.assertEqual([1, 2], [1, 3])
stream = unittest.runner._WritelnDecorator(sys.stdout)
class R(unittest.TextTestRunner):
    def run(self, test):
        result = super().run(test)
        return result
import io
buf = io.StringIO()
unittest.main(testRunner=unittest.TextTestRunner(buf), exit=False)
print(re.sub(r"in [\d.]+s", "in Ns", buf.getvalue()))
