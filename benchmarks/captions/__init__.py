"""Scene captions of AFEW and C-EXPR-DB: what is read, what learns from it, and what is written."""
