"""CronJob: makes a Job whenever its schedule says so.

``schedule`` reads cron's five fields and finds times, ``core`` decides what is due and what is too old:
both pure. ``controller`` observes and acts.
"""
