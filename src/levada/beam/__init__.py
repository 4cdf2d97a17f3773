"""Running plans on Apache Beam. Nothing outside this package imports Beam.

scheduler   the whole graph in one process, a node as soon as its inputs are ready
job         one Beam job per run: packing, options, runner
inner       a Beam job that a component starts through its context
pipeline    a Beam pipeline that is the same in a notebook as anywhere else
failures    the user's exception back out of what Beam makes of it
package     the project's code as one content-addressed file, for workers elsewhere
"""
