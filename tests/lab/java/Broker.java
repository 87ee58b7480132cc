import java.io.File;
import java.util.ArrayList;
import java.util.List;
import org.apache.activemq.broker.BrokerPlugin;
import org.apache.activemq.broker.BrokerService;
import org.apache.activemq.broker.region.policy.ConstantPendingMessageLimitStrategy;
import org.apache.activemq.broker.region.policy.PolicyEntry;
import org.apache.activemq.broker.region.policy.PolicyMap;
import org.apache.activemq.plugin.StatisticsBrokerPlugin;
import org.apache.activemq.security.AuthenticationUser;
import org.apache.activemq.security.SimpleAuthenticationPlugin;
import org.apache.activemq.store.kahadb.KahaDBPersistenceAdapter;

/** The messaging side, the same for both generations: OldBroker and HardenedBroker add their HTTP side.
 *  Options are system properties lab.*; lab.store=true keeps messages over a restart, lab.login=true asks STOMP for a password. */
final class Broker {
  private static final long MEGABYTE = 1L << 20;

  static BrokerService start() throws Exception {
    BrokerService broker = new BrokerService();
    broker.setBrokerName("localhost");
    broker.setDataDirectory(System.getProperty("lab.directory"));
    broker.getManagementContext().setCreateConnector(false);
    broker.setUseShutdownHook(true);
    broker.setPersistent(Boolean.getBoolean("lab.store"));
    if (broker.isPersistent()) {
      KahaDBPersistenceAdapter store = new KahaDBPersistenceAdapter();
      store.setDirectory(new File(System.getProperty("lab.directory"), "kahadb"));
      store.setJournalMaxFileLength((int) (4 * MEGABYTE));
      store.setJournalDiskSyncStrategy("never");   // a killed process is what tests play, not a power cut
      broker.setPersistenceAdapter(store);
    }
    broker.setPlugins(plugins());
    broker.setDestinationPolicy(policies());
    broker.getSystemUsage().getMemoryUsage().setPercentOfJvmHeap(70);
    broker.getSystemUsage().getStoreUsage().setLimit(512 * MEGABYTE);
    broker.getSystemUsage().getTempUsage().setLimit(512 * MEGABYTE);
    broker.addConnector("stomp://127.0.0.1:" + Integer.getInteger("lab.stomp") + "?maximumConnections=1000").setName("stomp");
    broker.start();
    broker.waitUntilStarted();
    return broker;
  }

  private static BrokerPlugin[] plugins() {
    List<BrokerPlugin> plugins = new ArrayList<>();
    if (Boolean.getBoolean("lab.login")) {
      plugins.add(new SimpleAuthenticationPlugin(List.of(
          new AuthenticationUser("admin", "admin", "admins"), new AuthenticationUser("user", "user", "users"))));
    }
    if (Boolean.getBoolean("lab.statistics")) {
      plugins.add(new StatisticsBrokerPlugin());
    }
    return plugins.toArray(new BrokerPlugin[0]);
  }

  private static PolicyMap policies() {
    ConstantPendingMessageLimitStrategy slow = new ConstantPendingMessageLimitStrategy();
    slow.setLimit(1000);
    PolicyEntry topics = new PolicyEntry();
    topics.setTopic(">");
    topics.setPendingMessageLimitStrategy(slow);
    PolicyMap map = new PolicyMap();
    map.setPolicyEntries(List.of(topics));
    return map;
  }
}
