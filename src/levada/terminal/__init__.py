"""What a run looks like in a terminal.

progress   what is known of each node so far, from the journal's events
live       one line a node, redrawn in place
lines      plain lines with a time stamp, for pipes and CI; or one JSON object an event
summary    what came out: metrics, gates, what was pushed, what to type next
graph      a plan drawn with lines
"""
