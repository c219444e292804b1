def run(job):
    pass
