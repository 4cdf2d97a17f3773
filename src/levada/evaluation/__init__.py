"""How good is a model, and is it good enough? Metrics with intervals, slices, comparisons, gates, the model's card.

    rows        what is measured on: labels, the answers of each model, columns to slice by
    metrics     what is measured: functions of rows, each with its interval and its paired comparison
    slicing     which rows are measured together
    gate        what was asked, condition by condition
    measuring   all of it together

Everything is numpy on what a model answered once. Importing this loads no ML library. What a pipeline uses of it is
exported by `levada.components`.
"""
