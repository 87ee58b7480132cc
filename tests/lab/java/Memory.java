import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;

/** What programs that fill a heap on purpose share. */
final class Memory {
  private static final int HEADERS = 20;              // of a small array, and the reference to it

  private Memory() {}

  /** The greatest size of the old generation in bytes; of the heap where that has no generations. */
  static long oldGeneration() {
    for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
      if (pool.getName().matches("Tenured Gen|.* Old Gen(eration)?") && pool.getUsage().getMax() > 0) {
        return pool.getUsage().getMax();
      }
    }
    return Runtime.getRuntime().maxMemory();
  }

  /** About so many bytes, headers included, in small objects: a full collection of many takes its time. */
  static Object chunk(int bytes, int piece) {
    byte[][] pieces = new byte[bytes / (piece + HEADERS)][];
    for (int i = 0; i < pieces.length; i++) {
      pieces[i] = new byte[piece];
    }
    return pieces;
  }
}
