# scikit-learn: fits classifiers, regressors, clusters and pipelines, and scores them on data held back.
# joblib counts the cores for that, and warns where it cannot.
import warnings

# joblib warns where there is no /dev/shm, which a chroot of the image has not and the guest has.
warnings.filterwarnings("ignore", ".*serial mode")
import pickle

import numpy as np
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import load_iris, make_blobs, make_regression
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Lasso, LogisticRegression
from sklearn.metrics import classification_report, confusion_matrix
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

x, y = load_iris(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, random_state=0, stratify=y)

for model in (LogisticRegression(max_iter=500), SVC(), KNeighborsClassifier(),
              RandomForestClassifier(n_estimators=20, random_state=0)):
    pipeline = make_pipeline(StandardScaler(), model).fit(x_train, y_train)
    print(type(model).__name__, round(pipeline.score(x_test, y_test), 4))
print(confusion_matrix(y_test, pipeline.predict(x_test)))
print(classification_report(y_test, pipeline.predict(x_test), digits=3))
again = pickle.loads(pickle.dumps(pipeline))
print("pickled", np.array_equal(again.predict(x_test), pipeline.predict(x_test)))

search = GridSearchCV(SVC(), {"C": [0.1, 1, 10], "kernel": ["linear", "rbf"]}, cv=3).fit(x_train, y_train)
print("grid", search.best_params_, round(search.best_score_, 4))
# Two worker threads give what one does.
forest = RandomForestClassifier(n_estimators=10, random_state=0, n_jobs=2)
print("cv", cross_val_score(forest, x, y, cv=3).round(4))

print("pca", PCA(2).fit(x).explained_variance_ratio_.round(5))
blobs, truth = make_blobs(150, centers=3, cluster_std=0.6, random_state=4)
means = KMeans(3, n_init=3, random_state=0).fit(blobs)
print("kmeans", sorted(np.bincount(means.labels_).tolist()), round(means.inertia_, 4))
print("dbscan", len(set(DBSCAN(eps=1.0).fit_predict(blobs).tolist()) - {-1}))

data, target = make_regression(200, 8, n_informative=3, noise=1.0, random_state=2)
lasso = Lasso(alpha=1.0).fit(data, target)
print("lasso", lasso.coef_.round(3) + 0.0, round(lasso.score(data, target), 4))
boost = GradientBoostingRegressor(n_estimators=30, random_state=0).fit(data, target)
print("boost", round(boost.score(data, target), 4))

texts = ["good fine great", "bad awful poor", "great good", "poor bad bad"]
words = TfidfVectorizer().fit(texts)
bayes = MultinomialNB().fit(words.transform(texts), [1, 0, 1, 0])
print("text", words.get_feature_names_out().tolist(), bayes.predict(words.transform(["fine good", "awful"])))
try:
    SVC().predict(x)
except NotFittedError as error:
    print("NotFittedError:", str(error)[:40])
