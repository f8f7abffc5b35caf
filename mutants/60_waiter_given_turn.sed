# One who is in the list without a wish for a turn is given it: nobody can read any more.
# promise: 8 fair and serial
# scenarios: m_beside
# memory: both
# file: src/fd/turn.c
s|if (w->for_turn && w->dirs == dir)|if (w->dirs == dir)|
