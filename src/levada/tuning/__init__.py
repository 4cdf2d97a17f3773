"""Tuning: a component is run again and again with other values of its parameters, and the best are kept.

space     which values are tried
goals     what is better, and which of several good ones is chosen
search    what is searched, as one value that a plan holds
tuning    a component that is being tuned: calling it draws the study
trial     what came of one trial
sampling  which values come next, and which trials are hopeless: Optuna
pool      worker processes, as the study sees them
worker    the same as one of them sees it
measures  what is measured of a trial beside what its component reports
ledger    trials that are kept in the store, for a study that goes on later
study     the loop: ask, run, tell
"""
