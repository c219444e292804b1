SELECT identifier('abs')(-5), identifier('a' || 'bs')(-6)
