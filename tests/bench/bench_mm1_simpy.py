#!/usr/bin/python3
"""M/M/1 in SimPy 2 (Debian's python3-simpy), the peer of bench_mm1: customers a second of CPU time.
Usage: bench_mm1_simpy.py [customers]."""
import random
import sys
import time

from SimPy.Simulation import Process, Resource, Simulation, hold, release, request

LAMBDA, MU = 0.9, 1.0


class Customer(Process):
    def visit(self, server, spent):
        came = self.sim.now()
        yield request, self, server
        yield hold, self, random.expovariate(MU)
        yield release, self, server
        spent.append(self.sim.now() - came)


class Source(Process):
    def customers(self, server, n, spent):
        for _ in range(n):
            customer = Customer(sim=self.sim)
            self.sim.activate(customer, customer.visit(server, spent))
            yield hold, self, random.expovariate(LAMBDA)


n = int(float(sys.argv[1])) if len(sys.argv) > 1 else 200_000
random.seed(1)
sim = Simulation()
sim.initialize()
server = Resource(capacity=1, sim=sim)
spent = []
source = Source(sim=sim)
sim.activate(source, source.customers(server, n, spent))
began = time.process_time()
sim.simulate(until=1e12)
took = time.process_time() - began
print(f"M/M/1, rho 0.9, SimPy 2: {n / took / 1e6:.3f} M customers/s, mean in system {sum(spent) / len(spent):.3f}")
