"""scikit-learn's k-means as it comes, on a matrix from a file: for each line `k seed` its time and its inertia."""

import sys
import time

import numpy as np
from sklearn.cluster import KMeans

path, width = sys.argv[1:]
matrix = np.fromfile(path, "<f4").reshape(-1, int(width)).astype(np.float64)
for line in sys.stdin:
    k, seed = map(int, line.split())
    start = time.perf_counter()
    model = KMeans(n_clusters=k, random_state=seed).fit(matrix)
    print(time.perf_counter() - start, model.inertia_, flush=True)
