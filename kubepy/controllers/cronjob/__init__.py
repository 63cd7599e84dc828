"""CronJob: makes a Job whenever its schedule says so.

``core`` decides what is due and what is too old (pure; `machinery.cron` reads schedules and finds times).
``controller`` observes and acts.
"""
