import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryUsage;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Allocates for some seconds, then prints what its garbage collection beans say, as one object of JSON on standard error, and stops at once.
 *  Arguments: churn (a third of the heap is kept), high (62 %), leak (95 %), asked (System.gc() now and then) or hum (large objects); seconds;
 *  and, if it is to talk on standard output like an application, anything. For JDK 8 and newer. */
public final class Beans {
  private static final int PIECES = 80;
  private static final int PIECE = 100;
  private static final Random chance = new Random(5);

  public static void main(String[] arguments) throws InterruptedException {
    String kind = arguments[0];
    boolean talks = arguments.length > 2;
    long most = Runtime.getRuntime().maxMemory();
    long chunk = PIECES * (PIECE + 20);
    int live = (int) (most * (kind.equals("high") ? 0.62 : kind.equals("leak") ? 0.95 : 0.3) / chunk);
    List<Object> kept = new ArrayList<Object>();
    ArrayDeque<Object> middle = new ArrayDeque<Object>();
    long end = System.nanoTime() + Long.parseLong(arguments[1]) * 1000000000L;
    for (int round = 0; System.nanoTime() < end; round++) {
      try {
        allocate(kept, middle, live, (int) (most / 20 / chunk), round % (kind.equals("leak") ? 1 : 2) == 0);
        if (kind.equals("asked") && round % 400 == 0) {
          System.gc();
        }
        if (kind.equals("hum") && round % 20 == 0) {
          middle.add(new byte[(int) Math.min(most / 12, 3 << 20)]);
        }
      } catch (OutOfMemoryError full) {
        kept.clear();
        middle.clear();
      }
      if (talks && round % 50 == 0) {
        System.out.println("2026-11-22 12:00:00,123 INFO order " + round + " accepted [x] 12K->3K(4K) ok");
      }
      Thread.sleep(1);
    }
    System.err.println(told());
    Runtime.getRuntime().halt(0);
  }

  private static void allocate(List<Object> kept, ArrayDeque<Object> middle, int live, int most, boolean grows) {
    for (int i = 0; i < 20; i++) {
      if (i % 3 == 0) {
        middle.add(chunk());
        if (middle.size() > most) {
          middle.poll();
        }
      }
      if (kept.size() >= live) {
        kept.set(chance.nextInt(kept.size()), chunk());
      } else if (grows) {
        kept.add(chunk());
      }
    }
  }

  private static Object chunk() {
    byte[][] pieces = new byte[PIECES][];
    for (int i = 0; i < pieces.length; i++) {
      pieces[i] = new byte[PIECE];
    }
    return pieces;
  }

  /** Again, when a collection came in between. */
  private static String told() {
    while (true) {
      long before = collections();
      StringBuilder text = new StringBuilder("{");
      for (GarbageCollectorMXBean bean : ManagementFactory.getGarbageCollectorMXBeans()) {
        text.append(text.length() > 1 ? "," : "").append('"').append(bean.getName()).append("\":{\"count\":").append(bean.getCollectionCount());
        text.append(",\"ms\":").append(bean.getCollectionTime());
        com.sun.management.GcInfo last = ((com.sun.management.GarbageCollectorMXBean) bean).getLastGcInfo();
        if (last != null) {
          text.append(",\"end\":").append(last.getEndTime());
          for (Map.Entry<String, MemoryUsage> pool : last.getMemoryUsageAfterGc().entrySet()) {
            text.append(",\"").append(pool.getKey()).append("\":").append(pool.getValue().getUsed() / 1024);
          }
        }
        text.append('}');
      }
      if (collections() == before) {
        return text.append('}').toString();
      }
    }
  }

  private static long collections() {
    long sum = 0;
    for (GarbageCollectorMXBean bean : ManagementFactory.getGarbageCollectorMXBeans()) {
      sum += bean.getCollectionCount();
    }
    return sum;
  }
}
