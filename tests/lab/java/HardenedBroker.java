import org.apache.activemq.broker.BrokerService;
import org.eclipse.jetty.ee11.servlet.ServletContextHandler;
import org.eclipse.jetty.ee11.servlet.ServletHolder;
import org.eclipse.jetty.security.Constraint;
import org.eclipse.jetty.security.HashLoginService;
import org.eclipse.jetty.security.SecurityHandler;
import org.eclipse.jetty.security.UserStore;
import org.eclipse.jetty.security.authentication.BasicAuthenticator;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.DoSHandler;
import org.eclipse.jetty.util.security.Credential;
import org.jolokia.server.core.http.AgentServlet;

/** ActiveMQ Classic 6.3 with the HTTP side of that line: Jetty 12, a rate limit (HTTP 429), admins only, Jolokia 2 by POST only. */
public final class HardenedBroker {
  public static void main(String[] arguments) throws Exception {
    BrokerService broker = Broker.start();
    Server server = new Server();
    ServerConnector http = new ServerConnector(server, 1, 1);
    http.setHost("127.0.0.1");
    http.setPort(Integer.getInteger("lab.http"));
    server.addConnector(http);
    DoSHandler limit = new DoSHandler(new DoSHandler.LeakingBucketTrackerFactory(Integer.getInteger("lab.requests_per_second", 100)));
    limit.setHandler(adminsOnly(jolokia()));
    server.setHandler(limit);
    server.start();
    broker.waitUntilStopped();
    System.exit(0);
  }

  private static ServletContextHandler jolokia() {
    ServletHolder agent = new ServletHolder(new AgentServlet());
    agent.setInitParameter("policyLocation", "file:" + System.getProperty("lab.policy"));
    agent.setInitParameter("allowErrorDetails", "false");
    agent.setInitOrder(0);
    ServletContextHandler api = new ServletContextHandler("/api");
    api.addServlet(agent, "/jolokia/*");
    return api;
  }

  private static SecurityHandler adminsOnly(Handler inner) {
    UserStore users = new UserStore();
    users.addUser("admin", Credential.getCredential("admin"), new String[] {"admins"});
    users.addUser("user", Credential.getCredential("user"), new String[] {"users"});
    HashLoginService login = new HashLoginService("ActiveMQRealm");
    login.setUserStore(users);
    SecurityHandler.PathMapped security = new SecurityHandler.PathMapped();
    security.setAuthenticator(new BasicAuthenticator());
    security.setLoginService(login);
    security.put("/*", Constraint.from("admins"));
    security.setHandler(inner);
    return security;
  }
}
