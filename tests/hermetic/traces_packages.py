# SPDX-License-Identifier: Apache-2.0
"""Traces in the preloaded packages, and the script's main part."""
import matplotlib.pyplot  # noqa: E402, before anything breaks imports
import numpy  # noqa: E402
import pandas  # noqa: E402


@trace
class numpy_settings:
    def look():
        return numpy.get_printoptions()["precision"] == 3 or numpy.geterr()["divide"] == "raise"

    def leave():
        numpy.set_printoptions(precision=3)
        numpy.seterr(all="raise")


@trace
class numpy_random_state:
    def look():
        state = numpy.random.get_state()
        return (state[1] == numpy.random.RandomState(4321).get_state()[1]).all()

    def leave():
        numpy.random.seed(4321)


@trace
class numpy_patched:
    def look():
        return numpy.linalg.det is numpy.mean or numpy.float64(0.1) + numpy.float64(0.2) != 0.1 + 0.2

    def leave():
        numpy.linalg.det = numpy.mean
        numpy.pi = 3


@trace
class blas_threads:
    """OpenBLAS's own threads and buffers, used and left."""
    later = True

    def look():
        a = numpy.arange(9.0).reshape(3, 3) + numpy.eye(3)
        return not numpy.allclose(numpy.linalg.solve(a, a), numpy.eye(3))

    def leave():
        a = numpy.ones((300, 300)) + 300 * numpy.eye(300)
        with numpy.errstate(all="ignore"):
            blas_threads.kept = numpy.dot(a, a)


@trace
class pandas_patched:
    def look():
        return hasattr(pandas.DataFrame, "left") or pandas.Series([1, 2]).sum() != 3

    def leave():
        pandas.DataFrame.left = True
        pandas.Series.sum = lambda self, *a, **k: 0


@trace
class pandas_options:
    def look():
        return pandas.get_option("display.max_rows") == 3

    def leave():
        pandas.set_option("display.max_rows", 3, "mode.chained_assignment", None)


@trace
class plot_settings:
    def look():
        return matplotlib.rcParams["figure.dpi"] == 321

    def leave():
        matplotlib.rcParams["figure.dpi"] = 321
        matplotlib.rcParams["backend"] = "svg"


@trace
class open_figures:
    def look():
        return matplotlib._pylab_helpers.Gcf.figs if "matplotlib._pylab_helpers" in sys.modules else None

    def leave():
        matplotlib.pyplot.figure()


@fingerprint
def package_settings():
    options = [(k, str(pandas.get_option(k))) for k in sorted(pandas._config.config._registered_options)
               if k.startswith(("display", "mode", "compute")) and "use_inf" not in k and "data_manager" not in k]
    return (options, sorted(numpy.get_printoptions().items()), numpy.geterr(),
            sorted((k, str(v)) for k, v in matplotlib.rcParams.items()))


def end(how):
    if how == "mix":
        how = ("return", "exit", "_exit")[os.urandom(1)[0] % 3]
    heavy = os.urandom(1)[0] % 16 == 0
    leave_all(brutal=how == "_exit", heavy=heavy)
    if how == "_exit":
        os._exit(0)
    if how == "exit":
        sys.exit()


def main(how):
    if how == "tree":
        global whole_tree
        whole_tree = fingerprint(whole_tree)
    if how == "show":
        return show_fingerprints()
    if how == "check":
        # The traces of this run must be seen by its own look(), except those that only a later run can
        # see.
        os.write(1, f"before: {look_all()}\n".encode())
        leave_all(brutal=False, heavy=True)
        blind = [cls.__name__ for cls in TRACES if not (cls.later or cls.brutal or attempt(cls.look))]
        os.write(1, f"not seen: {blind}\n".encode())
        os._exit(0)
    found = look_all()
    prints = take_fingerprints()
    sys.stdout.write(f"LEFT {found}\n" if found else f"CLEAN {prints}\n")
    sys.stdout.flush()
    sys.__stdout__.flush()
    end("return" if how == "tree" else how)


main(sys.argv[1] if len(sys.argv) > 1 else "return")
