"""The only floor that talks to PuLP and HiGHS."""
