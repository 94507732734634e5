from bench.measure import Figure


async def measure() -> list[Figure]:
    return []
