# An operation begins without looking at its deadline: after expiry it takes a byte.
# promise: 4 sticky
# scenarios: m_late
# memory: both
# file: src/fd/op.h
s|if (!lp_scope_any() && (op->earliest == LAPSE_NEVER \|\| op->earliest > os_now()))|if (!lp_scope_any())|
