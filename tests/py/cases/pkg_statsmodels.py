# statsmodels: least squares by formula, logit and Poisson models, a time series model, tests, smoothing.
import warnings

# joblib warns where there is no /dev/shm, which a chroot of the image has not and the guest has.
warnings.filterwarnings("ignore", ".*serial mode")
import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf
from statsmodels.nonparametric.smoothers_lowess import lowess
from statsmodels.stats.multicomp import pairwise_tukeyhsd
from statsmodels.stats.stattools import durbin_watson
from statsmodels.tsa.ar_model import AutoReg
from statsmodels.tsa.stattools import acf, adfuller

rng = np.random.default_rng(11)
n = 200
frame = pd.DataFrame({"x": rng.normal(size=n), "z": rng.uniform(size=n), "group": np.resize(["a", "b", "c"], n)})
frame["y"] = 1.5 + 2.0 * frame.x - frame.z + (frame.group == "b") * 0.7 + rng.normal(scale=0.3, size=n)
frame["hit"] = (frame.y + rng.normal(size=n) > 1.5).astype(int)
frame["count"] = rng.poisson(np.exp(0.2 + 0.5 * frame.x))

ols = smf.ols("y ~ x + z + C(group)", frame).fit()
print(ols.params.round(5), ols.bse.round(5), sep="\n")
print("r2", round(ols.rsquared, 6), "aic", round(ols.aic, 4), "dw", round(durbin_watson(ols.resid), 5))
print(ols.summary().tables[1])
print(sm.stats.anova_lm(ols).round(4))
new = pd.DataFrame({"x": [0.0, 1.0], "z": [0.5, 0.5], "group": ["a", "b"]})
print(ols.get_prediction(new).summary_frame().round(4).to_string())

logit = smf.logit("hit ~ x + z", frame).fit(disp=0)
print("logit", logit.params.round(4).to_dict(), logit.mle_retvals["converged"])
poisson = smf.glm("count ~ x", frame, family=sm.families.Poisson()).fit()
print("poisson", poisson.params.round(4).to_dict(), round(poisson.deviance, 3))
robust = sm.RLM(frame.y, sm.add_constant(frame[["x"]]), M=sm.robust.norms.HuberT()).fit()
print("rlm", robust.params.round(4).to_dict())

series = np.zeros(300)
for i in range(2, 300):
    series[i] = 0.6 * series[i - 1] - 0.2 * series[i - 2] + rng.normal()
auto = AutoReg(series, lags=2).fit()
print("autoreg", auto.params.round(4), auto.forecast(3).round(4))
print("acf", acf(series, nlags=3).round(4), "adf", adfuller(series)[1] < 0.01)

print(pairwise_tukeyhsd(frame.y, frame.group))
print("lowess", lowess(frame.y, frame.x, return_sorted=True)[::50, 1].round(3))
try:
    smf.ols("y ~ nothing", frame)
except Exception as error:
    print(type(error).__name__, str(error).splitlines()[0])
